// Gives tests the grammar, as a host does.

import { provideNodeGrammar } from '../../server/node/grammar.ts'

provideNodeGrammar()
