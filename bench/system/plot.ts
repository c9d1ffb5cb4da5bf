/** Small SVG charts that read well on light and dark pages. */

/** Horizontal bars, one group a row. */
export interface BarChart {
  readonly title: string
  readonly series: readonly string[]
  readonly rows: readonly { readonly label: string; readonly values: readonly (number | null)[] }[]
  /** The row that is drawn in the first colours; others are grey. */
  readonly highlight: string
}

/** Lines over a common x axis; the y axis is logarithmic, so that a spike does not flatten the rest. */
export interface LineChart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly lines: readonly { readonly label: string; readonly points: readonly (readonly [x: number, y: number])[] }[]
}

const COLOURS = ['#2563eb', '#93c5fd', '#d97706', '#059669', '#db2777']
const GREYS = ['#6b7280', '#c4c8cf']
const STYLE =
  '<style>text{font:13px system-ui,sans-serif;fill:#374151}.t{font-weight:600;font-size:15px}@media(prefers-color-scheme:dark){text{fill:#d1d5db}}</style>'

/** Draws a bar chart; values are printed at the bars, null is one that was not measured. */
export function barChart({ title, series, rows, highlight }: BarChart): string {
  const left = 190
  const width = 760
  const bar = 14
  const group = series.length * bar + 12
  const height = 64 + rows.length * group
  const largest = Math.max(...rows.flatMap(row => row.values.map(value => value ?? 0)), 1e-9)
  const parts = [`<text class="t" x="12" y="24">${escapeText(title)}</text>`]
  series.forEach((name, i) => {
    const x = left + i * 90
    parts.push(
      `<rect x="${x}" y="36" width="12" height="12" fill="${COLOURS[i]}"/><text x="${x + 18}" y="47">${escapeText(name)}</text>`,
    )
  })
  rows.forEach((row, r) => {
    const top = 60 + r * group
    parts.push(
      `<text x="${left - 10}" y="${top + (series.length * bar) / 2 + 5}" text-anchor="end">${escapeText(row.label)}</text>`,
    )
    row.values.forEach((value, i) => {
      const length = ((value ?? 0) / largest) * (width - left - 70)
      const fill = (row.label === highlight ? COLOURS : GREYS)[i] ?? GREYS[0]
      parts.push(
        `<rect x="${left}" y="${top + i * bar}" width="${length.toFixed(1)}" height="${bar - 2}" rx="2" fill="${fill}"/>`,
      )
      parts.push(
        `<text x="${(left + length + 6).toFixed(1)}" y="${top + i * bar + 10}" font-size="11">${value?.toFixed(2) ?? 'not measured'}</text>`,
      )
    })
  })
  return svg(width, height, title, parts)
}

/** Draws a line chart. */
export function lineChart({ title, xLabel, yLabel, lines }: LineChart): string {
  const [width, height, left, top, bottom] = [760, 340, 70, 84, 50]
  const points = lines.flatMap(line => line.points)
  const xMax = Math.max(...points.map(([x]) => x), 1e-9)
  const values = points.map(([, y]) => Math.max(y, 1))
  const low = Math.floor(Math.log10(Math.min(...values, 1e9)))
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values, 1))), low + 1)
  const x = (value: number): string => (left + (value / xMax) * (width - left - 20)).toFixed(1)
  const share = (value: number): number => (Math.log10(Math.max(value, 1)) - low) / (high - low)
  const y = (value: number): string => (height - bottom - share(value) * (height - top - bottom)).toFixed(1)
  const parts = [`<text class="t" x="12" y="24">${escapeText(title)}</text>`]
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power)
    parts.push(`<line x1="${left}" x2="${width - 20}" y1="${at}" y2="${at}" stroke="#9ca3af" stroke-opacity=".35"/>`)
    parts.push(`<text x="${left - 8}" y="${Number(at) + 4}" text-anchor="end">${tick(10 ** power)}</text>`)
  }
  for (let i = 0; i <= 4; i++) {
    const value = (xMax / 4) * i
    parts.push(`<text x="${x(value)}" y="${height - bottom + 18}" text-anchor="middle">${tick(value)}</text>`)
  }
  parts.push(`<text x="${(left + width) / 2}" y="${height - 10}" text-anchor="middle">${escapeText(xLabel)}</text>`)
  parts.push(`<text x="12" y="${top - 14}">${escapeText(yLabel)}</text>`)
  let legend = left
  lines.forEach((line, i) => {
    const path = line.points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')
    parts.push(`<polyline fill="none" stroke="${COLOURS[i]}" stroke-width="1.8" points="${path}"/>`)
    parts.push(`<rect x="${legend}" y="38" width="12" height="12" fill="${COLOURS[i]}"/>`)
    parts.push(`<text x="${legend + 18}" y="49">${escapeText(line.label)}</text>`)
    legend += 44 + 6.6 * line.label.length
  })
  return svg(width, height, title, parts)
}

function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">\n<title>${escapeText(title)}</title>\n${STYLE}\n${parts.join('\n')}\n</svg>\n`
}

function tick(value: number): string {
  if (value >= 1000) return `${value / 1000}k`
  return value >= 10 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
