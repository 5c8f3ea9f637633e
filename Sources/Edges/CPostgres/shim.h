/* PostgreSQL's client library, opened while the program runs: only its types are needed to build. */
#ifndef TOCSIN_CPOSTGRES_H
#define TOCSIN_CPOSTGRES_H
#include <dlfcn.h>
#include <postgresql/libpq-fe.h>
#include <stddef.h>

#define TOCSIN_POSTGRES_FUNCTIONS(F) \
    F(PQconnectStartParams) F(PQconnectPoll) F(PQstatus) F(PQsocket) F(PQfinish) F(PQerrorMessage) \
    F(PQsetnonblocking) F(PQflush) F(PQsendQueryParams) F(PQsendPrepare) F(PQsetSingleRowMode) F(PQconsumeInput) \
    F(PQisBusy) F(PQgetResult) F(PQresultStatus) F(PQresultErrorField) F(PQresultErrorMessage) \
    F(PQclear) F(PQntuples) F(PQnfields) F(PQftype) F(PQgetisnull) F(PQgetvalue) F(PQgetlength) \
    F(PQcmdTuples) F(PQtransactionStatus) F(PQsetNoticeReceiver) F(PQserverVersion)

/* Every function of the library that is used, found by its name. */
struct tocsin_postgres {
#define TOCSIN_FIELD(name) __typeof__(name) *name;
    TOCSIN_POSTGRES_FUNCTIONS(TOCSIN_FIELD)
#undef TOCSIN_FIELD
};

/* Finds them. The answer is the name of the first that is missing, or NULL. */
static inline const char *tocsin_postgres_find(void *library, struct tocsin_postgres *found) {
#define TOCSIN_FIND(name) \
    found->name = (__typeof__(name) *)dlsym(library, #name); \
    if (!found->name) return #name;
    TOCSIN_POSTGRES_FUNCTIONS(TOCSIN_FIND)
#undef TOCSIN_FIND
    return NULL;
}

/* Notices are not written to standard error, where libpq would put them. */
static inline void tocsin_postgres_ignore(void *context, const PGresult *notice) {
    (void)context;
    (void)notice;
}
static inline void tocsin_postgres_be_quiet(const struct tocsin_postgres *library, PGconn *connection) {
    library->PQsetNoticeReceiver(connection, tocsin_postgres_ignore, NULL);
}
/* PG_DIAG_… are characters. */
enum {
    TOCSIN_DIAG_SQLSTATE = PG_DIAG_SQLSTATE,
    TOCSIN_DIAG_MESSAGE = PG_DIAG_MESSAGE_PRIMARY,
    TOCSIN_DIAG_DETAIL = PG_DIAG_MESSAGE_DETAIL
};
#endif
