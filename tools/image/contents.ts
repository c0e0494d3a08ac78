import { createRequire } from 'node:module'

/** Where the program lies in the image. */
export const APP = '/app'
/** Uid and gid of the program: those that the charts and their volumes expect. */
export const USER_ID = 9807
/** What the program may write where the root file system is writable; a volume takes the place of the first. */
export const ownDirectories = ['/var/lib/teleport', '/tmp'] as const
/** Where the daemon looks for its configuration in the image. */
export const CONFIG_FILE = '/etc/teleport/teleport.yaml'

/** What an engine is told about the image; the Dockerfile says the same, and a test compares them. */
export const imageConfig = {
  User: `${USER_ID}:${USER_ID}`,
  WorkingDir: '/var/lib/teleport',
  Env: [
    'PATH=/usr/local/bin',
    'HOME=/var/lib/teleport',
    'NODE_ENV=production',
    `TELEPORT_CONFIG_FILE=${CONFIG_FILE}`,
  ],
  Entrypoint: ['/usr/local/bin/teleport'],
  Cmd: ['start', '--diag-addr=127.0.0.1:3000'],
  ExposedPorts: { '3024/tcp': {}, '3025/tcp': {}, '3026/tcp': {}, '3080/tcp': {} },
  Volumes: { '/var/lib/teleport': {} },
  Healthcheck: {
    Test: [
      'CMD',
      '/usr/local/bin/node',
      '-e',
      "fetch('http://127.0.0.1:3000/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))",
    ],
    Interval: 30_000_000_000,
    Timeout: 5_000_000_000,
  },
}

/**
 * Small files of the image. Launchers have no shell to run in: Node itself is their interpreter. `tsh` is not among them, since
 * it is a person's tool and writes shell scripts.
 */
export const smallFiles: Readonly<
  Record<string, { readonly text: string; readonly mode: number }>
> = {
  '/etc/passwd': {
    text: `root:x:0:0:root:/:/sbin/nologin\nteleport:x:${USER_ID}:${USER_ID}:teleport:/var/lib/teleport:/sbin/nologin\n`,
    mode: 0o644,
  },
  '/etc/group': { text: `root:x:0:\nteleport:x:${USER_ID}:\n`, mode: 0o644 },
  // Without it glibc asks a DNS server for localhost first.
  '/etc/nsswitch.conf': { text: 'passwd: files\ngroup: files\nhosts: files dns\n', mode: 0o644 },
  '/usr/local/bin/teleport': { text: launcher('src/daemon/main.ts'), mode: 0o755 },
  '/usr/local/bin/tctl': { text: launcher('src/cli/tctl/main.ts'), mode: 0o755 },
}

function launcher(program: string): string {
  return `#!/usr/local/bin/node --disable-warning=ExperimentalWarning\nimport('${APP}/${program}')\n`
}

/** A lock file of npm, as far as it is read here. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      { readonly dev?: boolean; readonly devOptional?: boolean; readonly link?: boolean }
    >
  >
}

/** Folders of the packages that run in production, by the lock file; Node itself comes by another way. */
export function productionPackages(lock: LockFile): string[] {
  return Object.entries(lock.packages)
    .filter(
      ([path, { dev, devOptional, link }]) =>
        path.startsWith('node_modules/') && dev !== true && devOptional !== true && link !== true,
    )
    .map(([path]) => path)
    .filter((path) => !/^node_modules\/node-linux-/.test(path))
    .sort()
}

/** What nobody reads at run time. Licences stay. */
export function isNeeded(path: string): boolean {
  if (/\.(d\.[mc]?ts|map|md|markdown|tsbuildinfo)$/i.test(path)) {
    return /licen[cs]e|notice/i.test(path)
  }
  return !/(^|\/)(\.github|\.vscode|tests?|__tests__|benchmarks?|examples?)(\/|$)/.test(path)
}

/** Paths of the shared libraries that `ldd` names, the loader included. */
export function sharedLibraries(ldd: string): string[] {
  return ldd
    .split('\n')
    .map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1])
    .filter((path) => path !== undefined)
}

/** The repository's own version. */
export const ownVersion = (): string =>
  (createRequire(import.meta.url)('../../package.json') as { version: string }).version
