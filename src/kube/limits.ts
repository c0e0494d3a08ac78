/** `kubectl exec -- sh -c <30 KB>` travels in the query; Linux' argument limit bounds what people send. */
export const MAX_TARGET_CHARS = 1024 * 1024
/** The path alone: names and namespaces have at most 253 characters, proxied paths some more. */
export const MAX_PATH_CHARS = 16 * 1024
