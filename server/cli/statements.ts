// Where statements end in what is typed: at a `;` that is not inside quotes, a comment or a dollar-quoted
// text. PostgreSQL's lexer says what those are (its documentation, "Lexical Structure").

/** What begins something in which a `;` means nothing, and a `;` itself. */
const OPENING = /'|"|--|\/\*|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|;/g

/** The statements of a text, without their `;`, and what is left behind the last one. */
export function splitStatements(text: string): { statements: string[]; rest: string } {
  const statements: string[] = []
  let start = 0
  let at = 0
  for (;;) {
    OPENING.lastIndex = at
    const found = OPENING.exec(text)
    if (found === null) return { statements, rest: text.slice(start) }
    if (found[0] === ';') {
      const statement = text.slice(start, found.index)
      if (!isBlank(statement)) statements.push(statement)
      at = start = found.index + 1
      continue
    }
    const end = endOf(text, found)
    if (end === null) return { statements, rest: text.slice(start) }
    at = end
  }
}

/** Nothing but blanks and comments. */
export function isBlank(text: string): boolean {
  return /^(\s|--[^\n]*(\n|$)|\/\*[^]*?\*\/)*$/.test(text)
}

/** Index behind what was opened; null: it goes on. */
function endOf(text: string, { 0: opening, index }: RegExpExecArray): number | null {
  const from = index + opening.length
  if (opening === '--') {
    const end = text.indexOf('\n', from)
    return end === -1 ? null : end + 1
  }
  if (opening === '/*') return commentEnd(text, from)
  if (opening === "'" && /(^|[^\w$])e$/i.test(text.slice(Math.max(0, index - 2), index))) {
    return escapedEnd(text, from)
  }
  const end = text.indexOf(opening, from)
  return end === -1 ? null : end + opening.length
}

/** Comments nest. */
function commentEnd(text: string, from: number): number | null {
  const marks = /\/\*|\*\//g
  marks.lastIndex = from
  for (let depth = 1; depth > 0;) {
    const mark = marks.exec(text)
    if (mark === null) return null
    depth += mark[0] === '/*' ? 1 : -1
  }
  return marks.lastIndex
}

/** Of an `E'…'`, where a backslash takes the next character. */
function escapedEnd(text: string, from: number): number | null {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === "'") return at + 1
  }
  return null
}
