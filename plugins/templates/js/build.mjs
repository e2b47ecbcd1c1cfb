// Makes my-plugin.wasm of plugin.js. Without these features the component imports nothing but
// the contract: it can reach no network, file, clock or randomness, and the host proves it.
import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const { component } = await componentize(await readFile(new URL('plugin.js', import.meta.url), 'utf8'), {
  witPath: fileURLToPath(new URL('wit/v1', import.meta.url)),
  worldName: 'WORLD',
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await writeFile(new URL('my-plugin.wasm', import.meta.url), component);
