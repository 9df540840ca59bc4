// Package report is what measuring comes to: the figures of a benchmark as data, which is also what its JSON holds,
// and its faces, a table for the terminal and one self-contained HTML page.
//
// # Use
//
// Whoever measures fills a Report. Read and WriteJSON are for JSON, Table and HTML for people; Unit.Text writes single
// values as both do. Some reports, of machines or of versions, can be shown together.
//
// A scenario is one thing that was measured, against every target, in some rounds. Its figures say which values its
// runs have and in which direction they are good; everything that compares targets goes by them. Ratios are taken
// within a round, as runs of one round follow each other closely and meet the machine in the same mood. Between
// reports there are no common rounds, so all rounds of the one are held against all of the other.
//
// # Pages
//
// A page is made from a view, which is one report or several put together: grids, which terminals show too, and
// charts, which hold positions and words for the templates in page. Colours, and what hiding a target does, are the
// style sheet's. A script shows values below the pointer; without it nothing is missing but that.
//
// # Ownership
//
// A report is a value that nothing in this package changes or keeps.
package report
