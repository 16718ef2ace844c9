// The version of the product, as answers and the command line name it.

/** As in package.json; a test holds the two against each other. */
export const VERSION = '0.1.0'
