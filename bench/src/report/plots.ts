import { mkdirSync, writeFileSync } from 'node:fs'
import * as echarts from 'echarts'
import type { Measured } from '../turns.ts'
import type { Results } from './results.ts'

const folder = new URL('../../../docs/performance/', import.meta.url)
const own = '#0b6e99'
const others = '#9aa5b1'

/** Draws what docs/performance.md shows. */
export function drawPlots({ tokens, calls }: Results): void {
  mkdirSync(folder, { recursive: true })
  for (const { algorithm, ...figures } of tokens) {
    const name = algorithm.toLowerCase()
    draw(`new-${name}`, `A new token, ${algorithm}`, figures.new)
    draw(`known-${name}`, `A known token, ${algorithm}`, figures.known)
  }
  for (const { generation, calls: rows } of calls) {
    draw(`calls-${generation}`, `tools/call over HTTP, SDK ${generation}`, rows)
  }
}

function draw(file: string, title: string, rows: readonly Measured[]): void {
  const height = 110 + 34 * rows.length
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 760, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, subtext: 'processor time of the whole process, µs: shorter is better' },
    grid: { left: 8, right: 60, top: 70, bottom: 8, containLabel: true },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', inverse: true, data: rows.map(({ subject }) => subject) },
    series: [
      {
        type: 'bar',
        emphasis: { disabled: true },
        silent: true,
        label: { show: true, position: 'right' },
        data: rows.map(toBar),
      },
    ],
  })
  writeFileSync(
    new URL(`${file}.svg`, folder),
    chart.renderToSVGString().replace(/<style[^]*?<\/style>\n?/g, ''),
  )
  chart.dispose()
}

function toBar({ subject, cpuMicroseconds }: Measured): object {
  const color = subject.startsWith('Onbehalf') ? own : others
  return { value: Number(cpuMicroseconds.toFixed(1)), itemStyle: { color } }
}
