/**
 * Loaded before a program (`NODE_OPTIONS=--import=…`): the program takes its machine for one whose clock is off by
 * TELEPORT_TEST_CLOCK_MS milliseconds.
 */
const offsetMs = Number(process.env['TELEPORT_TEST_CLOCK_MS'])
if (!Number.isFinite(offsetMs)) throw new TypeError('TELEPORT_TEST_CLOCK_MS is no number')

const RealDate = Date

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: ConstructorParameters<DateConstructor> | [], self) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, self) as Date,
  apply: () => new RealDate(now()).toString(),
  get: (target, name, self) =>
    name === 'now' ? now : (Reflect.get(target, name, self) as unknown),
})

function now(): number {
  return RealDate.now() + offsetMs
}
