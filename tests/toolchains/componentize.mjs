// Makes a component of a JavaScript source: `node componentize.mjs SOURCE WIT WORLD OUT [without-wasi]`.

import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';

const [source, witPath, worldName, out, wasi] = process.argv.slice(2);
const everything = ['random', 'stdio', 'clocks', 'http', 'fetch-event'];
const { component } = await componentize(await readFile(source, 'utf8'), {
  witPath,
  worldName,
  disableFeatures: wasi === 'without-wasi' ? everything : [],
});
await writeFile(out, component);
