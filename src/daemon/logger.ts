import pino from 'pino'
import type { Logger } from '../core/index.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly format: 'text' | 'json'
  /** `stderr`, `stdout` or a file's path. */
  readonly output: string
}

/** Names whose values never reach a log line, at any depth that our log calls use. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'private_key',
  'privateKey',
  'key',
].flatMap((name) => [name, `*.${name}`])

/** The process's logger: JSON lines, or text lines for people. */
export function createLogger(options: LogOptions): Logger {
  const destination =
    options.output === 'stderr'
      ? 2
      : options.output === 'stdout'
        ? 1
        : { dest: options.output, mkdir: true, append: true, mode: 0o600 }
  const stream = pino.destination({
    ...(typeof destination === 'number' ? { dest: destination } : destination),
    sync: true,
  })
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS, censor: '[secret]' },
  }
  const sink: pino.DestinationStream =
    options.format === 'json' ? stream : { write: (line) => stream.write(textLine(line)) }
  return adapt(pino(settings, sink))
}

function adapt(logger: pino.Logger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => adapt(logger.child(fields)),
  }
}

/** `2026-01-31T09:00:00.000Z INFO  kubernetes cluster is served cluster=prod` */
export function textLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const rest = Object.entries(fields)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`,
    )
    .join(' ')
  const head = `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`
  return `${rest === '' ? head : `${head} ${rest}`}\n`
}

const quoted = (text: string): string => (/^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text))
