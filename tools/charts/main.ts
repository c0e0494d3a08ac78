import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { generateCharts, staleFiles } from './generate.ts'
import { packageCharts } from './package.ts'

/**
 * `npm run charts` renews what is generated in charts/; `--check` says what is behind; `npm run package:charts` writes a chart
 * repository to dist/charts (`--out`), with addresses below `--url`.
 */
const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    package: { type: 'boolean', default: false },
    out: { type: 'string', default: 'dist/charts' },
    url: { type: 'string' },
  },
})
if (values.check || values.package) {
  for (const path of staleFiles()) {
    process.stderr.write(`charts/${path} is behind: run "npm run charts"\n`)
    process.exitCode = 1
  }
} else {
  await generateCharts()
}
if (values.package && process.exitCode === undefined) {
  const out = resolve(values.out)
  await packageCharts({
    out,
    createdMs: Date.now(),
    ...(values.url === undefined ? {} : { baseUrl: values.url }),
  })
  process.stdout.write(`${out}: index.yaml and the charts\n`)
}
