import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and the file of its key, made by openssl. */
export interface OpensslAuthority {
  readonly certificatePem: string
  readonly keyPem: string
  readonly certificateFile: string
  readonly keyFile: string
}

export interface OpensslOrder {
  /** Null: signed with its own key. */
  readonly issuer: OpensslAuthority | null
  /** As `openssl -subj` wants it: `/O=x/CN=y`. */
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Lines of an extension section: `extendedKeyUsage=clientAuth`. None: no extensions at all. */
  readonly extensions: readonly string[]
}

/** A foreign certificate authority: what it makes was not touched by our code. */
export class OpensslPki implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'openssl-'))
  #count = 0

  /** A self-signed authority that is valid around `nowMs`. */
  authority(subject: string, nowMs: number): OpensslAuthority {
    return this.issue({
      issuer: null,
      subject,
      notBeforeMs: nowMs - 86_400_000,
      notAfterMs: nowMs + 3650 * 86_400_000,
      extensions: [
        'basicConstraints=critical,CA:TRUE',
        'keyUsage=critical,keyCertSign,cRLSign',
        'subjectKeyIdentifier=hash',
      ],
    })
  }

  /** Signs whatever is asked, right or wrong. */
  issue(order: OpensslOrder): OpensslAuthority {
    const name = join(this.directory, String(++this.#count))
    const keyFile = `${name}.key`
    const certificateFile = `${name}.crt`
    openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile])
    writeFileSync(
      `${name}.cnf`,
      [
        '[req]',
        'distinguished_name=dn',
        '[dn]',
        '[authority]',
        `database=${name}.db`,
        'default_md=sha256',
        'policy=any',
        'unique_subject=no',
        'rand_serial=yes',
        '[any]',
        'organizationName=optional',
        'commonName=supplied',
        '[leaf]',
        ...order.extensions,
        '',
      ].join('\n'),
    )
    writeFileSync(`${name}.db`, '')
    const config = ['-config', `${name}.cnf`]
    const subject = ['-subj', order.subject, '-utf8']
    openssl(['req', '-new', ...config, '-key', keyFile, ...subject, '-out', `${name}.csr`])
    const { issuer } = order
    const signer =
      issuer === null
        ? ['-selfsign', '-keyfile', keyFile]
        : ['-cert', issuer.certificateFile, '-keyfile', issuer.keyFile]
    const life = ['-startdate', asn1Time(order.notBeforeMs), '-enddate', asn1Time(order.notAfterMs)]
    const extensions = order.extensions.length === 0 ? [] : ['-extensions', 'leaf']
    const files = ['-in', `${name}.csr`, '-out', certificateFile, '-outdir', this.directory]
    const flags = ['-batch', '-notext', '-preserveDN', '-name', 'authority']
    openssl(['ca', ...config, ...flags, ...signer, ...life, ...extensions, ...files])
    return {
      certificatePem: readFileSync(certificateFile, 'utf8'),
      keyPem: readFileSync(keyFile, 'utf8'),
      certificateFile,
      keyFile,
    }
  }

  /** What `openssl verify` says of a leaf: `OK` or its complaint. */
  verify(options: {
    readonly leafPem: string
    readonly trustedPem: string
    readonly purpose: 'sslclient' | 'sslserver'
    readonly atMs: number
    readonly untrustedPem?: string
  }): string {
    const leaf = this.file('leaf.pem', options.leafPem)
    const args = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', options.purpose]
    args.push('-attime', String(Math.floor(options.atMs / 1000)))
    args.push('-no-CApath', '-no-CAstore', '-CAfile', this.file('trusted.pem', options.trustedPem))
    if (options.untrustedPem !== undefined) {
      args.push('-untrusted', this.file('untrusted.pem', options.untrustedPem))
    }
    try {
      openssl([...args, leaf])
      return 'OK'
    } catch (error) {
      const { stderr } = error as { stderr: Buffer }
      return /error \d+ at .*?: (.*)/.exec(stderr.toString())?.[1] ?? stderr.toString()
    }
  }

  /** `openssl x509 -noout` with further flags. */
  show(pem: string, ...flags: readonly string[]): string {
    return openssl(['x509', '-noout', '-in', this.file('shown.pem', pem), ...flags])
  }

  sha256(bytes: Buffer): string {
    const path = join(this.directory, 'hashed')
    writeFileSync(path, bytes)
    return openssl(['dgst', '-sha256', '-r', path]).slice(0, 64)
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  file(name: string, content: string): string {
    const path = join(this.directory, name)
    writeFileSync(path, content)
    return path
  }
}

const openssl = (args: readonly string[]): string =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

/** GeneralizedTime for every year: openssl itself shortens it. */
const asn1Time = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`
