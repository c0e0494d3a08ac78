import type { Backend, Item } from './backend.ts'

/** Every item below a prefix, in order of keys, page after page. */
export async function listAll(backend: Pick<Backend, 'list'>, prefix: string): Promise<Item[]> {
  const items: Item[] = []
  let after: string | undefined
  do {
    const page = await backend.list(prefix, after === undefined ? {} : { after })
    items.push(...page.items)
    after = page.next ?? undefined
  } while (after !== undefined)
  return items
}
