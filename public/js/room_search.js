// Finds rooms by what is typed.

/** The first consonants of Hangul syllables, in the order of Unicode. */
const INITIALS = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];
const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
const SYLLABLES_PER_INITIAL = 588;

const initialOf = (character) => {
  const code = character.codePointAt(0);
  const isSyllable = code >= FIRST_SYLLABLE && code <= LAST_SYLLABLE;
  return isSyllable ? INITIALS[Math.floor((code - FIRST_SYLLABLE) / SYLLABLES_PER_INITIAL)] : character;
};

const fold = (text, form) => text.normalize(form).toLowerCase().trim();

/** Returns whether a name contains what was typed. ㄷㅅ also finds 독서. */
export const matches = (name, typed) => {
  if (fold(name, "NFKC").includes(fold(typed, "NFKC"))) return true;
  // NFKC would replace single consonants by others that only begin a syllable.
  const what = fold(typed, "NFC");
  return /^[ㄱ-ㅎ\s]+$/.test(what) && [...fold(name, "NFC")].map(initialOf).join("").includes(what);
};
