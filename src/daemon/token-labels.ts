import type { TeleportConfig } from './config/index.ts'

/** What an administrator gave the token counts more than what the agent's own file says, or has a program say. */
export const withTokenLabels = (
  kube: TeleportConfig['kube'],
  labels: Readonly<Record<string, string>>,
): TeleportConfig['kube'] => ({
  ...kube,
  labels: { ...kube.labels, ...labels },
  commands: kube.commands.filter(({ name }) => !Object.hasOwn(labels, name)),
})
