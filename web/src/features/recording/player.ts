import { create, type Player } from 'asciinema-player'
import 'asciinema-player/dist/bundle/asciinema-player.css'
import { IDLE_LIMIT_MS } from './parse-cast.ts'
import { trustPlayerMarkup } from './trusted-markup.ts'

let isTrusted = false

/** Puts the player into an element. Loaded when there is something to play: it is larger than all other pages together. */
export function createPlayer(text: string, element: HTMLElement): Player {
  // A policy of this name can be made once.
  if (!isTrusted) trustPlayerMarkup()
  isTrusted = true
  return create({ data: text, parser: 'asciicast' }, element, {
    fit: 'width',
    controls: true,
    idleTimeLimit: IDLE_LIMIT_MS / 1000,
    terminalFontFamily: FONT,
    preload: true,
  })
}

const FONT =
  'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "Liberation Mono", monospace'
