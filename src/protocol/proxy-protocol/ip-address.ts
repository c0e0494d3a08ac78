/** `node:net` has both, and is no part of a room without I/O. */
export const isIPv4 = (text: string): boolean =>
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text)

export const isIPv6 = (text: string): boolean =>
  text.includes(':') && URL.canParse(`http://[${text}]/`)
