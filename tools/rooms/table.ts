import { readFileSync } from 'node:fs'

export interface Room {
  readonly layer: number
  readonly imports: readonly string[]
  /** No I/O: files, network, processes, clocks, randomness. */
  readonly pure: boolean
  readonly says: string
}

export interface RoomTable {
  readonly rooms: Readonly<Record<string, Room>>
  /** The pages: a program of their own, beside the rooms. */
  readonly web: {
    /** Rooms whose doors they may use. */
    readonly imports: readonly string[]
    /** Folders of web/src; each may import itself and those after it. Parts of `features` never import each other. */
    readonly folders: readonly string[]
    readonly says: string
  }
  /** What `from` must not reach, not even through other rooms. */
  readonly dataPath: { readonly from: string; readonly never: readonly string[] }
}

/** Reads tools/rooms.json, and refuses a table that contradicts itself. */
export function readRoomTable(path: string): RoomTable {
  const table = JSON.parse(readFileSync(path, 'utf8')) as RoomTable
  for (const [name, room] of Object.entries(table.rooms)) {
    for (const other of room.imports) {
      const target = table.rooms[other]
      if (target === undefined) throw new Error(`${name} imports ${other}, which is no room`)
      if (target.layer > room.layer) throw new Error(`${name} imports ${other} from a higher layer`)
    }
  }
  for (const name of table.web.imports) {
    if (table.rooms[name]?.pure !== true)
      throw new Error(`web imports ${name}, which is no pure room`)
  }
  return table
}
