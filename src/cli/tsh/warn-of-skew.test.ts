import { expect, it } from 'vitest'
import { FakeIo } from '../../../test/support/fake-io.ts'
import { warnOfSkew } from './warn-of-skew.ts'

it.each([
  ['2.1.0', '2.0.0', ''],
  ['2.1.0', '1.0.0', ''],
  [
    '3.0.0',
    '1.4.2',
    'tsh: this is version 1.4.2, and the server is 3.0.0: it is more than one major version behind: install the tsh of the server\n',
  ],
  [
    '1.4.2',
    '2.0.0',
    'tsh: this is version 2.0.0, and the server is 1.4.2: it is newer than the server, which may not know what it asks for: use the tsh of the server\n',
  ],
])('at a server %s, tsh %s says %j', (server, own, said) => {
  const io = new FakeIo()
  warnOfSkew(io, server, own)
  expect(io.err).toBe(said)
  expect(io.out).toBe('')
})
