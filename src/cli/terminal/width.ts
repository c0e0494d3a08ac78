const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Two columns wide: CJK and fullwidth forms, Hangul, kana, and what is drawn as an emoji (UAX #11, UTS #51). */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|.\ufe0f)/u
/** Nothing of its own to see: combining marks, joiners, variation selectors. */
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u
const PLAIN = /^[\u0020-\u007e]*$/

const widthOfGrapheme = (grapheme: string): number =>
  INVISIBLE.test(grapheme) ? 0 : WIDE.test(grapheme) ? 2 : 1

/** How many columns a text takes on a terminal; it has no control characters (see `printable`). */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += widthOfGrapheme(segment)
  return width
}

/** The text in at most so many columns; what is cut off is shown as `…`. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width <= 0) return ''
  let kept = ''
  let columns = 1
  for (const { segment } of graphemes.segment(text)) {
    columns += widthOfGrapheme(segment)
    if (columns > width) break
    kept += segment
  }
  return `${kept}…`
}
