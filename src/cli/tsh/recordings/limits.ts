/** Packed pieces of a recording that are kept, so that going back does not fetch them again; what lies beyond is fetched anew. */
export const KEPT_CHUNK_BYTES = 64 * 1024 * 1024
