// How long a text is on a phone network (3GPP TS 23.038): as sessiond/core/rendering/gsm.py counts.

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENSION = new Set("\f^{}\\[~]|€");

// Returns {alphabet, length}: septets, or UCS-2 units when a character is in neither table.
export function measure(text) {
  let septets = 0;
  for (const character of text) {
    if (EXTENSION.has(character)) septets += 2;
    else if (BASIC.has(character)) septets += 1;
    else return { alphabet: "UCS-2", length: text.length };
  }
  return { alphabet: "GSM-7", length: septets };
}
