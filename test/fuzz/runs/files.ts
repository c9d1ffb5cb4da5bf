/** Gives zone files and manifests to their readers: each is taken, or its faults are told. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readManifest } from '#src/cluster/manifests/file.ts'
import { Interner } from '#src/cluster/strip.ts'
import { parseName } from '#src/wire/name.ts'
import { loadZone } from '#src/zone/load.ts'
import { ROOT } from '#support/source-tree.ts'
import { mutateOctets, Random } from '../random.ts'

/** Words of the language, put where they do not belong. */
const ZONE_WORDS = [
  '$ORIGIN',
  '$TTL',
  '$INCLUDE x',
  '$GENERATE 1-9',
  '(',
  ')',
  '"',
  ';',
  '\\',
  '\\999',
  '@',
  '*',
  '\n',
  'IN',
  'CH',
]
const ZONE_TYPES = ['SOA', 'TYPE65535', '\\# 4 00', 'SVCB 1 . alpn=h2', 'CAA 0 issue "x"', 'DS 1 2 3 0', '99999999999']
const YAML_WORDS = [
  '---\n',
  '- ',
  ': ',
  '&a ',
  '*a ',
  '!!binary ',
  '{',
  '}',
  '[',
  '"',
  '|\n',
  '<<: ',
  '\t',
  'null',
  '1e999',
  '? ',
]

/** A zone with a record of every form. */
const ZONE = `$TTL 300
@ SOA ns hostmaster ( 1 2h 30m 1d 300 ) ; comment
@ NS ns
ns AAAA 2001:db8::53
www 60 IN A 192.0.2.1
*.apps CNAME www
_http._tcp SRV 0 1 80 www
text TXT "a b" c "\\"\\065"
mail MX 10 www
sub NS ns.sub
ns.sub A 192.0.2.2
old DNAME example.net.
svc HTTPS 1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1
raw TYPE731 \\# 3 010203
caa CAA 0 issue "ca.example"
`

/** How many files there were, and how many of them were without a fault. */
export interface FileRun {
  readonly files: number
  readonly good: number
}

/** @throws Error with the text and the seed when one is neither a zone nor has a fault. */
export function fuzzZoneFiles(files: number, seed: number): FileRun {
  const texts = [ZONE, ZONE, ...read('zones', '.zone')]
  const origin = parseName('example.org')
  const include = (): { file: string; reason: string } => ({ file: 'x', reason: 'there is none' })
  return eachText(files, seed, texts, [...ZONE_WORDS, ...ZONE_TYPES], text => {
    const result = loadZone({ file: 'fuzz.zone', text, origin, include })
    if ('zone' in result) return true
    assert.ok(result.faults.length > 0)
    return false
  })
}

/** @throws Error with the text and the seed when one has neither content nor the one problem that it may have. */
export function fuzzManifests(files: number, seed: number): FileRun {
  return eachText(files, seed, read('examples/kuard', '.yaml'), YAML_WORDS, (text, random) => {
    const result = readManifest(random.once(5) ? 'fuzz.json' : 'fuzz.yaml', text, new Interner())
    if ('content' in result) return true
    assert.equal(result.problem.code, 'WAY_MANIFEST_PARSE')
    return false
  })
}

function eachText(
  files: number,
  seed: number,
  texts: readonly string[],
  words: readonly string[],
  isGood: (text: string, random: Random) => boolean,
): FileRun {
  const random = new Random(seed)
  let good = 0
  for (let i = 0; i < files; i++) {
    const text = mutateText(texts, words, random)
    try {
      if (isGood(text, random)) good++
    } catch (error) {
      throw new Error(`File ${i} of seed ${seed}: ${JSON.stringify(text)}`, { cause: error })
    }
  }
  return { files, good }
}

function read(folder: string, suffix: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter(name => name.endsWith(suffix))
  return names.map(name => readFileSync(join(ROOT, folder, name), 'latin1'))
}

/** The text with octets changed, words put in, and lines of another text. */
function mutateText(texts: readonly string[], words: readonly string[], random: Random): string {
  let text = random.pick(texts)
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(text.length)
    text = text.slice(0, at) + random.pick(words) + text.slice(at + random.below(3))
  }
  if (random.once(3)) {
    const [lines, others] = [text.split('\n'), random.pick(texts).split('\n')]
    lines.splice(random.below(lines.length), random.below(3), random.pick(others))
    text = lines.join('\n')
  }
  return random.once(2) ? Buffer.from(mutateOctets(Buffer.from(text, 'latin1'), random)).toString('latin1') : text
}
