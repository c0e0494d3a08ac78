import { describe, expect, test } from 'vitest'
import { isPlayerMarkup } from './trusted-markup.ts'

describe('markup', () => {
  test.each([
    '<div class=ap-term><canvas></canvas><pre class=ap-term-text aria-live=off tabindex=0>',
    '<svg version=1.1 viewBox="0 0 12 12"class="ap-icon"aria-hidden=true><path d="M7,5 L7,0 Z"></path>',
    '<li><kbd>←</kbd> / <kbd>→</kbd> - rewind',
    '<path d="M1,1" fill="currentColor"/>',
    '<div class="a > b">',
  ])('%s is the player’s', (markup) => {
    expect(isPlayerMarkup(markup)).toBe(true)
  })

  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<div onclick=alert(1)>',
    '<div class="x"onclick="alert(1)">',
    '<div/onclick=alert(1)>',
    '<use href="https://elsewhere.example.com/x.svg#a">',
    '<a href="javascript:alert(1)">',
    '<div style="background:url(https://elsewhere.example.com)">',
    '<iframe>',
    '<svg><animate>',
    '<!-- <div> -->',
    '<div',
    '<div class="<img src=x onerror=alert(1)>',
  ])('%s is not', (markup) => {
    expect(isPlayerMarkup(markup)).toBe(false)
  })
})
