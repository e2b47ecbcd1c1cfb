// `one-line`: every fill in one line, for a channel that is read on a small screen.
//
// Speaks for fills only; for every other alert the host sends its own plain text. The same formatter as
// `../python/one_line.py`: both make the same message.

export const description = {
  describe() {
    return {
      name: 'one-line',
      version: '1.0.0',
      kind: 'formatter',
      summary: 'Every fill in one line.',
      settingsSchema: '{"type":"object","additionalProperties":false}',
      attributes: [['language', 'JavaScript']],
    };
  },
};

export const settings = {
  configure() {
    return [];
  },
};

export const formatter = {
  format(event) {
    if (event.body.tag !== 'fill') {
      // What is thrown is the error of the contract.
      throw { tag: 'unsupported', val: 'it speaks for fills only' };
    }
    const fill = event.body.val;
    const who = event.account?.name ?? 'an account';
    const what = `${who} L${fill.slot} ${fill.side} ${fill.quantity} @ ${fill.price}`;
    let counted = `${fill.count.shown} of ${fill.count.total}`;
    // The account's own fact stands beside a count that is not its own.
    if (fill.count.shown !== fill.count.detected) {
      counted += ` (own ${fill.count.detected})`;
    }
    const title = [
      { tag: 'bold', val: event.symbol ?? '' },
      { tag: 'text', val: ` ${what}: ` },
      { tag: 'code', val: counted },
    ];
    return { tag: 'rich', val: { title, lines: [] } };
  },
};
