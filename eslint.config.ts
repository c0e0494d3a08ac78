import tseslint from 'typescript-eslint'
import { readRoomTable } from './tools/rooms/table.ts'

const { rooms } = readRoomTable(new URL('./tools/rooms.json', import.meta.url).pathname)
const pure = Object.keys(rooms).filter((name) => rooms[name]?.pure === true)

const CLOCKS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map((name) => ({
  name,
  message: 'a pure room has no clock: take the time as an argument',
}))

/** Typed rules only: Biome does the rest, faster. Of planted promise and state bugs it misses these. */
export default tseslint.config(
  { ignores: ['**/node_modules', '**/dist', 'coverage'] },
  {
    files: ['src/**/*.ts', 'tools/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'web/**/*.{ts,tsx}'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/restrict-plus-operands': 'error',
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingUnknown: true, allowThrowingAny: true },
      ],
      '@typescript-eslint/no-unsafe-argument': 'error',
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/no-unsafe-return': 'error',
    },
  },
  {
    files: ['test/**/*.ts', '**/*.test.ts'],
    rules: {
      // Matchers and parsed answers are any by nature, and servers of tests take async listeners.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      'no-restricted-properties': [
        'error',
        { object: 'vi', property: 'mock', message: 'what must be faked is an argument' },
        { object: 'vi', property: 'doMock', message: 'what must be faked is an argument' },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/**/main.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'exit',
          message: 'let the loop run empty; only main.ts exits',
        },
      ],
    },
  },
  {
    files: pure.map((name) => `src/${name}/**/*.ts`),
    // The one clock of the product, and tests of pure rooms, which may use anything.
    ignores: ['src/core/clock.ts', 'src/**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', ...CLOCKS],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'take the time as an argument' },
        { object: 'Math', property: 'random', message: 'take the randomness as an argument' },
      ],
    },
  },
)
