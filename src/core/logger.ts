/** Facts of one log line. Never secrets: see the redaction list of the daemon's logger. */
export type LogFields = Readonly<Record<string, unknown>>

/** What a room may ask of a logger. The daemon plugs in pino; tests collect or drop. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
