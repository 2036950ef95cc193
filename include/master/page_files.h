/* page_files: the files of src/master/page as texts, which the build makes. Constant; nobody frees them. For src/master/page.c. */
#ifndef MOONGATE_MASTER_PAGE_FILES_H
#define MOONGATE_MASTER_PAGE_FILES_H

extern const char page_html[]; /* a template, see template.h; src/master/page.c has its values */
extern const char page_css[];
extern const char page_js[];

#endif
