/** `kubectl exec -- sh -c <30 KB>` travels in the query; a request head has at most 1 MiB anyway. */
export const MAX_TARGET_CHARS = 1024 * 1024
/** The path alone: names and namespaces have at most 253 characters, proxied paths some more. */
export const MAX_PATH_CHARS = 16 * 1024
/** A refusal on a discovery path, which kubectl prints as one line; client-go reads 2,048 bytes of it. */
export const MAX_DISCOVERY_CHARS = 500
