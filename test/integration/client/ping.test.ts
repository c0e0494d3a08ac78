import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, expect, it } from 'vitest'
import { pingProxy } from '../../../src/client/index.ts'
import { openDialer } from '../../../src/dial/index.ts'
import { serverCertificate } from '../../support/certificates.ts'

const before = getCACertificates('default')
afterAll(() => setDefaultCACertificates(before))

/** Asks a proxy at 127.0.0.1 whose web certificate, of an authority that this machine trusts, is for `name`. */
async function ping(name: string, dialled: boolean): Promise<string> {
  const { key, certificate, ca } = await serverCertificate(name)
  setDefaultCACertificates([...before, ca])
  const server = createServer({ key, cert: certificate }, (_request, response) =>
    response.end(JSON.stringify({ cluster_name: 'example.com', ca_pins: [] })),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const { clusterName } = await pingProxy(
      { host: '127.0.0.1', port, text: `127.0.0.1:${port}` },
      { verify: true, dial: dialled ? openDialer({}) : undefined },
    )
    return clusterName
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it.each([false, true])(
  'who is asked for by an address has to have a certificate for that address (dialled: %s)',
  async (dialled) => {
    expect(await ping('127.0.0.1', dialled)).toBe('example.com')
    await expect(ping('localhost', dialled)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('127.0.0.1') as string,
    })
    await expect(ping('127.0.0.2', dialled)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
  },
)
