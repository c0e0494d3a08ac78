interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** Every item of a list that is told page by page. */
export async function everyPage<T>(read: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let after: string | null = null
  do {
    const page: Page<T> = await read(after)
    items.push(...page.items)
    after = page.next
  } while (after !== null)
  return items
}
