import { expectTypeOf, test } from 'vitest'
import type * as ports from '../../../src/forwarder/ports.ts'
import type * as upstream from '../../../src/upstream/index.ts'

test('upstream offers exactly what the forwarder asks for, though neither imports the other', () => {
  expectTypeOf<upstream.Upstream>().toEqualTypeOf<ports.Upstream>()
  expectTypeOf<upstream.UpstreamRequest>().toEqualTypeOf<ports.UpstreamRequest>()
  expectTypeOf<upstream.UpstreamSink>().toEqualTypeOf<ports.UpstreamSink>()
  expectTypeOf<upstream.UpstreamFailure>().toEqualTypeOf<ports.UpstreamFailure>()
  expectTypeOf<upstream.UpstreamExchange>().toEqualTypeOf<ports.UpstreamExchange>()
  expectTypeOf<upstream.UpgradeConnection>().toEqualTypeOf<ports.UpgradeConnection>()
  expectTypeOf<upstream.OpenUpstream>().toExtend<ports.Upstream>()
})
