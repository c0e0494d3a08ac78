/** What the player draws itself with: shapes, texts, buttons. Nothing here loads, runs or leads anywhere. */
const TAGS = new Set(
  'button canvas circle defs div g kbd li mask p path polygon polyline pre rect span svg symbol ul use'.split(
    ' ',
  ),
)
const TAG = /<\/?([^\s/>]*)((?:"[^"]*"|'[^']*'|[^>"'])*)>/g
/** `onclick=`, `href=`, `style=` …: none of its templates has one. */
const ACTIVE = /(?:^|[\s"'/])(?:on[a-z]+|href|xlink:href|src|srcset|style|formaction)\s*=/i

/** Whether markup is of the kind that the player's own templates are. */
export function isPlayerMarkup(markup: string): boolean {
  const rest = markup.replaceAll(TAG, (_whole, name: string, attributes: string) =>
    TAGS.has(name.toLowerCase()) && !ACTIVE.test(attributes) ? '' : '<',
  )
  return !rest.includes('<')
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createHTML: (markup: string) => string }): unknown
}

/**
 * The player makes its elements out of text, which the policy of the page forbids. Here it is allowed for markup of that kind alone;
 * browsers without trusted types have nothing to be told.
 */
export function trustPlayerMarkup(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  trustedTypes?.createPolicy('default', {
    createHTML(markup) {
      if (!isPlayerMarkup(markup)) throw new TypeError('this markup is none of the player’s')
      return markup
    },
  })
}
