/** kube-apiserver's own limit for a request (`MaxRequestBodyBytes`, 3 MiB). */
export const MAX_BODY_BYTES = 3 * 1024 * 1024
/** What etcd takes for one object by default; the demo cluster says it the same way. */
export const MAX_OBJECT_BYTES = 1_500_000
/** Objects in all: a demo of a few dozen, or a test of a few thousand. */
export const MAX_OBJECTS = 20_000
/** Bytes of all objects together, as JSON. */
export const MAX_STORE_BYTES = 64 * 1024 * 1024
/** Changes that a watch can still ask for; older ones are 410 Gone. */
export const MAX_CHANGES = 2_000
/** Events are forgotten after an hour, as kube-apiserver does (`--event-ttl`). */
export const EVENT_TTL_MS = 3_600_000
/** Watches, followed logs and sessions at a time. */
export const MAX_STREAMS = 1_000
/** TCP connections at a time. */
export const MAX_CONNECTIONS = 512
/** Bytes that a watcher who does not read may hold; then its watch ends, and it begins anew. */
export const MAX_WATCH_BUFFER_BYTES = 8 * 1024 * 1024
/** How often a watch that asked for bookmarks gets one; kube-apiserver takes about a minute. */
export const BOOKMARK_MS = 60_000
/** A watch without `timeoutSeconds` ends after this, as kube-apiserver's (`--min-request-timeout`, 30 to 60 min). */
export const WATCH_MS = 45 * 60_000
/** Items of a page when a client asks for more than this or for none in particular: no limit, as Kubernetes. */
export const MAX_PODS_PER_OWNER = 100
/** Patches with more operations are refused, as kube-apiserver does. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000
/** Headers of kubectl can be long: hundreds of groups. */
export const MAX_HEADER_BYTES = 1024 * 1024
