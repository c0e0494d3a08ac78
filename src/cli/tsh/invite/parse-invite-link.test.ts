import { describe, expect, it } from 'vitest'
import { parseInviteLink } from './parse-invite-link.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'

describe('parseInviteLink', () => {
  it.each([
    [`https://Teleport.example.com:3080/web/invite/${TOKEN}`, 'teleport.example.com:3080'],
    [` https://teleport.example.com/web/reset/${TOKEN}/\n`, 'teleport.example.com:443'],
    [`https://[::1]:3080/web/invite/${TOKEN}`, '[::1]:3080'],
  ])('reads %s', (link, proxy) => {
    const parsed = parseInviteLink(link)
    expect(parsed.token).toBe(TOKEN)
    expect(parsed.proxy.text).toBe(proxy)
  })

  it.each([
    `http://teleport.example.com/web/invite/${TOKEN}`,
    `https://joe@teleport.example.com/web/invite/${TOKEN}`,
    `https://teleport.example.com/web/invite/${TOKEN}0`,
    `https://teleport.example.com/web/login/${TOKEN}`,
    `https://teleport.example.com/x/web/invite/${TOKEN}`,
    TOKEN,
    '',
  ])('refuses %j, and does not repeat it', (link) => {
    try {
      parseInviteLink(link)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'USAGE' })
      expect(String(error)).not.toContain(TOKEN)
    }
  })
})
