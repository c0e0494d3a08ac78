import { presetRoles } from '../authz/index.ts'
import { errorCode } from '../core/index.ts'
import type { Stores } from './stores.ts'

/** Creates the preset roles and the settings that are not there yet; what an administrator changed stays. */
export async function ensurePresets(stores: Stores): Promise<void> {
  for (const role of presetRoles()) await createOnce(() => stores.roles.create(role))
  await createOnce(() =>
    stores.settings.create({
      kind: 'cluster_settings',
      version: 'v1',
      metadata: { name: 'cluster-settings' },
      spec: { default_session_ttl: '12h', audit_retention: '8760h' },
    }),
  )
}

async function createOnce(create: () => Promise<unknown>): Promise<void> {
  try {
    await create()
  } catch (error) {
    if (errorCode(error) !== 'ALREADY_EXISTS') throw error
  }
}
