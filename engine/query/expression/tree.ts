// What `where` and `select` mean, as a tree: the nodes that parse.ts builds, the planner walks and
// print.ts writes. A subset of PostgreSQL's expression grammar with its precedence; comparison
// operators come normalised (`!=` is `<>`, `IS DISTINCT FROM` keeps its own kind).

/** A column by name. Unquoted names arrive in lower case; `resolveColumn` (name.ts) finds the column. */
export interface Column {
  readonly kind: 'column'
  readonly name: string
  readonly quoted: boolean
  /** As it was sent, without quotes. */
  readonly text: string
  readonly position: number
}

export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
  readonly position: number
}

/** A number without a sign. `integer` is exact for whole numbers written without `.` or `e`. */
export interface NumberLiteral {
  readonly kind: 'number'
  readonly text: string
  readonly value: number
  readonly integer: bigint | null
  readonly position: number
}

export interface BooleanLiteral {
  readonly kind: 'boolean'
  readonly value: boolean
  readonly position: number
}

export interface NullLiteral {
  readonly kind: 'null'
  readonly position: number
}

/** `*`, only as the one argument of a function: `count(*)`. */
export interface Star {
  readonly kind: 'star'
  readonly position: number
}

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>='

export interface Comparison {
  readonly kind: 'comparison'
  readonly operator: ComparisonOperator
  readonly left: Expression
  readonly right: Expression
  /** Of the operator. */
  readonly position: number
}

/** `left IS [NOT] DISTINCT FROM right`: like `<>` and `=`, but null is a value. */
export interface Distinct {
  readonly kind: 'distinct'
  readonly left: Expression
  readonly right: Expression
  readonly negated: boolean
  readonly position: number
}

/** Two or more operands, flattened: `a AND b AND c` is one node. */
export interface Logical {
  readonly kind: 'and' | 'or'
  readonly operands: readonly Expression[]
  readonly position: number
}

export interface Not {
  readonly kind: 'not'
  readonly operand: Expression
  readonly position: number
}

/** `operand [NOT] IN (items)`; at least one item. */
export interface In {
  readonly kind: 'in'
  readonly operand: Expression
  readonly items: readonly Expression[]
  readonly negated: boolean
  readonly position: number
}

/** `operand [NOT] BETWEEN low AND high`, both inclusive. */
export interface Between {
  readonly kind: 'between'
  readonly operand: Expression
  readonly low: Expression
  readonly high: Expression
  readonly negated: boolean
  readonly position: number
}

/** `operand IS [NOT] NULL | TRUE | FALSE`: never null itself. (`UNKNOWN` arrives as null.) */
export interface Is {
  readonly kind: 'is'
  readonly operand: Expression
  readonly test: 'null' | 'true' | 'false'
  readonly negated: boolean
  readonly position: number
}

/** `operand [NOT] LIKE pattern [ESCAPE escape]`; insensitive for ILIKE. `escape` '' = none, default backslash. */
export interface Like {
  readonly kind: 'like'
  readonly operand: Expression
  readonly pattern: Expression
  readonly escape: string
  readonly insensitive: boolean
  readonly negated: boolean
  readonly position: number
}

/** `operand ~ pattern` (`~*` insensitive, `!~` `!~*` negated): a regular expression, unanchored. */
export interface Match {
  readonly kind: 'match'
  readonly operand: Expression
  readonly pattern: Expression
  readonly insensitive: boolean
  readonly negated: boolean
  readonly position: number
}

/** Unary minus. A minus before a number literal is kept as a node too: the literal has no sign. */
export interface Negate {
  readonly kind: 'negate'
  readonly operand: Expression
  readonly position: number
}

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | '||'

export interface Arithmetic {
  readonly kind: 'arithmetic'
  readonly operator: ArithmeticOperator
  readonly left: Expression
  readonly right: Expression
  readonly position: number
}

/** `name(arguments)`; the name in lower case unless quoted. */
export interface Call {
  readonly kind: 'call'
  readonly name: string
  readonly arguments: readonly Expression[]
  readonly position: number
}

/** `operand::type`, `CAST(operand AS type)` and `type 'text'`. The type in lower case, aliases resolved. */
export interface Cast {
  readonly kind: 'cast'
  readonly operand: Expression
  readonly type: CastType
  readonly position: number
}

export type CastType =
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'interval'
  | 'float'
  | 'integer'
  | 'boolean'
  | 'text'

/** Every node has a 1-based position, in characters of the text it was parsed from (1 in object form). */
export type Expression =
  | Column
  | StringLiteral
  | NumberLiteral
  | BooleanLiteral
  | NullLiteral
  | Star
  | Comparison
  | Distinct
  | Logical
  | Not
  | In
  | Between
  | Is
  | Like
  | Match
  | Negate
  | Arithmetic
  | Call
  | Cast

/** One column of the answer, before names are resolved. */
export interface Selection {
  /** The alias, or the text as sent, trimmed. */
  readonly name: string
  /** The expression without its alias, as sent, trimmed. */
  readonly text: string
  readonly expression: Expression
  /** Where the request has it: `/select` (a string), `/select/1` or `/select/u`. */
  readonly pointer: string
}

/** The direct operands of a node, in the order of the text. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'comparison':
    case 'distinct':
    case 'arithmetic':
      return [expression.left, expression.right]
    case 'and':
    case 'or':
      return expression.operands
    case 'not':
    case 'is':
    case 'negate':
    case 'cast':
      return [expression.operand]
    case 'in':
      return [expression.operand, ...expression.items]
    case 'between':
      return [expression.operand, expression.low, expression.high]
    case 'like':
    case 'match':
      return [expression.operand, expression.pattern]
    case 'call':
      return expression.arguments
    default:
      return []
  }
}

/** Every column an expression names, in the order of the text, repeats included. */
export function columnsOf(expression: Expression): Column[] {
  const found: Column[] = []
  const visit = (node: Expression): void => {
    if (node.kind === 'column') found.push(node)
    for (const child of childrenOf(node)) visit(child)
  }
  visit(expression)
  return found
}
