/** A made-up machine for the configuration. */
import type { Surroundings } from '#src/config.ts'

/** A machine with the given files; a path that ends in `/` is a folder. */
export function fakeSurroundings(
  files: Readonly<Record<string, string>> = {},
  other: Partial<Surroundings> = {},
): Surroundings {
  return {
    cwd: '/work',
    home: '/home/user',
    hostname: 'machine',
    cpus: 4,
    env: {},
    packageFolder: '/package',
    readFile: path => {
      const text = files[path]
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`)
      return text
    },
    isFolder: path => Object.hasOwn(files, `${path}/`),
    ...other,
  }
}
