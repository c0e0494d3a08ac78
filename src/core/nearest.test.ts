import { expect, it } from 'vitest'
import { nearest } from './nearest.ts'

const KNOWN = ['user.create', 'user.update', 'user.login', 'port', 'post']

it.each([
  ['user.created', ['user.create']],
  ['User.login', ['user.login']],
  ['prot', []],
  ['ports', ['port']],
  ['pxrt', ['port']],
  ['poxt', ['port', 'post']],
  ['something else', []],
  ['', []],
])('%j may mean %j', (name, names) => {
  expect(nearest(name, KNOWN)).toEqual(names)
})
