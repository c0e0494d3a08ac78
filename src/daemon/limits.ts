/** From the first signal to the end: running requests end, watches are told to go elsewhere. Kubernetes kills after 30 s. */
export const DRAIN_MS = 20_000
