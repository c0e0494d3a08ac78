import { execApiVersions, execCredential, LAST_MINUTE_MS } from './exec-credential.ts'

/** Makes text one word of /bin/sh, whatever is in it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/**
 * The program that kubeconfigs name: it prints the credential while that is valid, and else becomes `tsh kube credentials`.
 * It is the hot path of every kubectl command: no Node, and no process but its own.
 *
 * How it knows the time without asking another program (`clock: 'proc'`): its own time of modification is set to when the
 * credential ends, and `/proc/self` of a process that has just begun is from now. Where that does not hold, `date` is asked.
 */
export function credentialScript(options: {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
  readonly expiresAtMs: number
  /** The words that start tsh. */
  readonly launcher: readonly string[]
  /** TELEPORT_HOME of the profile. */
  readonly home: string
  readonly clock: 'proc' | 'date'
  /** `printf` only where it is a part of the shell: as a program it would show the key to everybody who lists processes. */
  readonly printer: 'printf' | 'cat'
}): string {
  const [v1beta1, v1] = execApiVersions.map((version) =>
    printing(options.printer, execCredential(version, options)),
  )
  const isValid =
    options.clock === 'proc'
      ? '[ "$0" -nt /proc/self ]'
      : `[ "$(date +%s)" -lt ${Math.floor(scriptDeadlineMs(options.expiresAtMs) / 1000)} ]`
  return `#!/bin/sh
# Written by tsh for kubectl. It holds a private key.
if ${isValid}; then
  case \${KUBERNETES_EXEC_INFO-} in
    *client.authentication.k8s.io/v1\\"*)
${v1}
      ;;
    *)
${v1beta1}
      ;;
  esac
  exit 0
fi
TELEPORT_HOME=${shellWord(options.home)}
export TELEPORT_HOME
exec ${options.launcher.map(shellWord).join(' ')} kube credentials "$@"
`
}

/** The credential is JSON in one line, so it cannot be the word that ends it. */
const printing = (printer: 'printf' | 'cat', credential: string): string =>
  printer === 'printf'
    ? `printf '%s\\n' ${shellWord(credential)}`
    : `cat <<'CREDENTIAL'\n${credential}\nCREDENTIAL`

/** Until when the script answers by itself. */
export const scriptDeadlineMs = (expiresAtMs: number): number => expiresAtMs - LAST_MINUTE_MS
