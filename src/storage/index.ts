export type { Backend, Change, Item, Key, NewItem, Page, PageOptions, Revision } from './backend.ts'
