import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeProtobuf } from './decode-protobuf.ts'
import { ProtobufError } from './wire.ts'

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
const bytes = (number: number, value: Buffer | string): Buffer => {
  const content = Buffer.from(value)
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}
const int = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number * 8), varint(value)])
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields)
const body = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  message(
    Buffer.from('k8s\0'),
    bytes(1, message(bytes(1, apiVersion), bytes(2, kind))),
    bytes(2, raw),
    bytes(3, ''),
    bytes(4, ''),
  )

/** What `kubectl create deployment web --image=nginx` makes. */
const deployment = body(
  'apps/v1',
  'Deployment',
  message(
    bytes(
      1,
      message(bytes(1, 'web'), bytes(2, ''), int(7, 0), bytes(8, ''), entry(11, 'app', 'web')),
    ),
    bytes(
      2,
      message(
        int(1, 0),
        bytes(2, entry(1, 'app', 'web')),
        bytes(
          3,
          message(
            bytes(1, ''),
            bytes(2, bytes(2, message(bytes(1, 'nginx'), bytes(2, 'nginx'), bytes(8, '')))),
          ),
        ),
        bytes(4, bytes(1, '')),
        int(5, 0),
      ),
    ),
    bytes(3, int(1, 5)),
  ),
)

function entry(number: number, key: string, value: string): Buffer {
  return bytes(number, message(bytes(1, key), bytes(2, value)))
}

describe('decodeProtobuf', () => {
  it('reads a deployment: what Go leaves out is left out, a pointer to zero stays', () => {
    expect(decodeProtobuf(deployment)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: { spec: { containers: [{ name: 'nginx', image: 'nginx' }] } },
      },
    })
  })

  it('keeps bytes as base64, names of either kind, and the core group', () => {
    const secret = body(
      'v1',
      'Secret',
      message(entry(2, '__proto__', '\u0000x'), bytes(3, 'Opaque')),
    )
    expect(JSON.stringify(decodeProtobuf(secret))).toBe(
      '{"apiVersion":"v1","kind":"Secret","data":{"__proto__":"AHg="},"type":"Opaque"}',
    )
    const port = message(int(3, 80), bytes(4, message(int(1, 1), int(2, 0), bytes(3, 'http'))))
    const service = body('v1', 'Service', bytes(2, message(bytes(1, port), bytes(4, 'ClusterIP'))))
    expect(decodeProtobuf(service)['spec']).toEqual({
      ports: [{ port: 80, targetPort: 'http' }],
      type: 'ClusterIP',
    })
    const role = body(
      'rbac.authorization.k8s.io/v1',
      'Role',
      bytes(2, message(bytes(1, 'get'), bytes(2, ''))),
    )
    expect(decodeProtobuf(role)['rules']).toEqual([{ verbs: ['get'], apiGroups: [''] }])
  })

  it.each([
    ['another beginning', Buffer.from('json')],
    ['a kind that is not in the table', body('v1', 'Node', Buffer.alloc(0))],
    ['a field that would be lost', body('v1', 'ConfigMap', bytes(99, 'x'))],
    ['a number where bytes are due', body('v1', 'ConfigMap', int(1, 1))],
    ['a wire type that is not used', body('v1', 'ConfigMap', Buffer.from([0x0d, 1, 2, 3, 4]))],
    ['a number without an end', body('v1', 'ConfigMap', Buffer.alloc(12, 0xff))],
    ['a length beyond the end', body('v1', 'ConfigMap', Buffer.from([0x0a, 0x7f]))],
  ])('refuses %s', (_, bad) => {
    expect(() => decodeProtobuf(bad)).toThrow(ProtobufError)
  })

  it('never gives a part of what was cut off as the whole', () => {
    const whole = JSON.stringify(decodeProtobuf(deployment))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: deployment.length - 1 }), (length) => {
        try {
          // Fields of the envelope may be missing: what they would have held is then missing too.
          expect(JSON.stringify(decodeProtobuf(deployment.subarray(0, length)))).toBeOneOf([
            whole,
            '{"apiVersion":"apps/v1","kind":"Deployment"}',
          ])
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError)
        }
      }),
    )
  })

  it('answers any bytes with an object or with its own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeProtobuf(body('apps/v1', 'Deployment', Buffer.from(noise)))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError)
        }
      }),
    )
  })
})
