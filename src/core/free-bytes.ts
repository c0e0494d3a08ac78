/**
 * Gives memory back at once that nobody will read any more. What is left to the garbage collector counts until it is found: every 64 MB
 * of it make V8 look through its whole heap, ten times a second in a large transfer, for half of the processor time.
 *
 * Only bytes that have an ArrayBuffer for themselves are freed, as those that come from a socket and those of `allocUnsafeSlow` have;
 * others are left alone. Whoever looks at freed bytes later finds none: nobody finds somebody else's.
 */
export function freeBytes(bytes: Buffer): void {
  const memory = bytes.buffer
  if (bytes.length < MIN_BYTES || bytes.length !== memory.byteLength) return
  if (memory instanceof ArrayBuffer && !memory.resizable) memory.transfer(0)
}

/** What is this small is as cheap to find as to free. */
const MIN_BYTES = 4096
