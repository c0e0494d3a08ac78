/** Runs tasks in order, a few at a time; a thousand at once would all be slow, and leave the memory that they needed. */
export async function fewAtOnce(
  tasks: readonly (() => Promise<void>)[],
  atOnce: number,
): Promise<void> {
  const rest = tasks.values()
  const work = async (): Promise<void> => {
    for (const task of rest) await task()
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
