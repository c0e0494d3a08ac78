/**
 * cli is the two command lines, `tctl` and `tsh`. A command declares its flags and help, then works on an `Io` and the
 * management API; it never opens the database and never exits the process. Data goes to stdout, talk to stderr,
 * lower case and without a full stop. Secrets go to files that are 0600 from their first byte.
 *
 * Trusts: the administrator's identity in the data directory, and an identity file that it is given. Refuses: to act as
 * somebody whom nobody named, to overwrite files that it did not write, and to print control characters that came from
 * elsewhere.
 */
export { run } from './run.ts'
export { buildTctl } from './tctl/program.ts'
export { buildTsh } from './tsh/program.ts'
