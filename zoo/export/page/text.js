// Texts to ids, as zoo/preprocessing has it.

export function symbols(tokenizer, text) {
  text = (tokenizer.lowercase ? text.toLowerCase() : text).normalize(tokenizer.form || "NFC").trim();
  const parts = tokenizer.separator === " " ? text.split(/\s+/).filter(Boolean) : [...text];
  if (!tokenizer.graphemes) return parts;
  const found = [];
  for (const c of parts) {
    const joined = found.length && (/\p{M}|[\u02d0\u02d1]/u.test(c) || /[\u035c\u0361]$/u.test(found.at(-1)));
    if (joined) found[found.length - 1] += c;
    else found.push(c);
  }
  return found;
}

export function symbolIds(tokenizer, text) {
  const parts = symbols(tokenizer, text);
  if (!parts.length) throw new Error("the text is empty: give at least one symbol");
  return parts.map((symbol) => {
    const place = tokenizer.symbols.indexOf(symbol);
    if (place < 0) throw new Error(`${symbol}: unknown to this model; it knows: ${tokenizer.symbols.slice(0, 60).join(" ")}`);
    return place + 3;
  });
}

// Byte-pair subwords of lowercased text: merges in order, "</w>" behind the last piece of a word.
export class Subwords {
  constructor(state) {
    this.words = state.words;
    this.names = state.subwords;
    this.ids = new Map(state.subwords.map((subword, i) => [subword, i]));
    this.ranks = new Map(state.merges.map((pair, i) => [pair, i]));
  }

  split(text) {
    text = text.replaceAll("<br />", " ").normalize("NFKC").toLowerCase();
    if (this.words) return text.split(/\s+/).filter(Boolean);
    return text.match(/[!-/:-@[-`{-~]|\p{P}|(?:(?![!-/:-@[-`{-~]|\p{P})\S)+/gu) || [];
  }

  word(word) {
    let parts = [...word];
    parts[parts.length - 1] += "</w>";
    while (parts.length > 1) {
      let best = Infinity;
      let place = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = this.ranks.get(`${parts[i]} ${parts[i + 1]}`);
        if (rank !== undefined && rank < best) [best, place] = [rank, i];
      }
      if (place < 0) break;
      parts = [...parts.slice(0, place), parts[place] + parts[place + 1], ...parts.slice(place + 2)];
    }
    return parts.map((part) => this.ids.get(part) ?? 1);
  }

  encode(text) {
    return this.split(text).flatMap((word) => this.word(word));
  }
}

export function cut(ids, longest) {
  const first = Math.floor(longest / 3);
  return ids.length <= longest ? ids : [...ids.slice(0, first), ...ids.slice(first - longest)];
}

export function sentences(subwords, state, text) {
  const rows = [];
  let total = 0;
  for (const part of text.split(/(?<=[.!?])\s+|\s*\n+\s*|<br\s*\/?>/).filter((part) => part.trim())) {
    const ids = subwords.encode(part);
    for (let i = 0; i < ids.length; i += state.sentences) {
      const row = ids.slice(i, i + state.sentences).slice(0, state.max_length - total);
      total += row.length;
      if (row.length) rows.push(row);
    }
  }
  return rows;
}
