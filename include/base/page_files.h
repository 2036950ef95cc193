/* page_files: the files of pages as texts, which the build makes: src/master/page/page.* and src/replay/report.css. Constant; nobody frees
 * them. For src/master/page.c and src/replay/report.c.
 */
#ifndef MOONGATE_BASE_PAGE_FILES_H
#define MOONGATE_BASE_PAGE_FILES_H

/* A template, see master/template.h; src/master/page.c has its values. */
extern const char page_html[];
extern const char page_css[];
extern const char page_js[];
extern const char report_css[]; /* beside page_css */

#endif
