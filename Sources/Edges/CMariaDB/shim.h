/* MariaDB's client library, opened while the program runs: only its types are needed to build. */
#ifndef TOCSIN_CMARIADB_H
#define TOCSIN_CMARIADB_H
#include <dlfcn.h>
#include <mariadb/mysql.h>
#include <stddef.h>

#define TOCSIN_MARIADB_FUNCTIONS(F) \
    F(mysql_server_init) F(mysql_init) F(mysql_options) F(mysql_ssl_set) F(mysql_close) \
    F(mysql_real_connect_start) F(mysql_real_connect_cont) \
    F(mysql_real_query_start) F(mysql_real_query_cont) \
    F(mysql_use_result) F(mysql_fetch_row_start) F(mysql_fetch_row_cont) F(mysql_fetch_lengths) \
    F(mysql_free_result) F(mysql_num_fields) F(mysql_fetch_field_direct) F(mysql_field_count) \
    F(mysql_affected_rows) F(mysql_error) F(mysql_errno) F(mysql_sqlstate) \
    F(mysql_get_socket) F(mysql_get_timeout_value_ms) F(mysql_get_server_info) \
    F(mysql_warning_count) F(mysql_next_result_start) F(mysql_next_result_cont) \
    F(mysql_stmt_init) F(mysql_stmt_prepare_start) F(mysql_stmt_prepare_cont) \
    F(mysql_stmt_param_count) F(mysql_stmt_bind_param) \
    F(mysql_stmt_execute_start) F(mysql_stmt_execute_cont) \
    F(mysql_stmt_field_count) F(mysql_stmt_result_metadata) F(mysql_stmt_bind_result) \
    F(mysql_stmt_fetch_start) F(mysql_stmt_fetch_cont) F(mysql_stmt_affected_rows) \
    F(mysql_stmt_close) F(mysql_stmt_error) F(mysql_stmt_errno) F(mysql_stmt_sqlstate)

/* Every function of the library that is used, found by its name. */
struct tocsin_mariadb {
#define TOCSIN_FIELD(name) __typeof__(name) *name;
    TOCSIN_MARIADB_FUNCTIONS(TOCSIN_FIELD)
#undef TOCSIN_FIELD
};

/* Finds them. The answer is the name of the first that is missing, or NULL. */
static inline const char *tocsin_mariadb_find(void *library, struct tocsin_mariadb *found) {
#define TOCSIN_FIND(name) \
    found->name = (__typeof__(name) *)dlsym(library, #name); \
    if (!found->name) return #name;
    TOCSIN_MARIADB_FUNCTIONS(TOCSIN_FIND)
#undef TOCSIN_FIND
    return NULL;
}

/* What the header has as macros and flags that Swift does not see alike. */
static inline int tocsin_mariadb_in_transaction(const MYSQL *connection) {
    return (connection->server_status & SERVER_STATUS_IN_TRANS) != 0;
}
static inline int tocsin_mariadb_more_results(const MYSQL *connection) {
    return (connection->server_status & SERVER_MORE_RESULTS_EXIST) != 0;
}
static inline int tocsin_mariadb_is_number(const MYSQL_FIELD *field) { return IS_NUM(field->type) != 0; }
/* Bytes that are no text: the character set of the column is none. */
static inline int tocsin_mariadb_is_binary(const MYSQL_FIELD *field) {
    return field->charsetnr == 63 && !IS_NUM(field->type) &&
           (field->type == MYSQL_TYPE_STRING || field->type == MYSQL_TYPE_VAR_STRING ||
            field->type == MYSQL_TYPE_VARCHAR || field->type == MYSQL_TYPE_BIT ||
            field->type == MYSQL_TYPE_GEOMETRY ||
            (field->type >= MYSQL_TYPE_TINY_BLOB && field->type <= MYSQL_TYPE_BLOB));
}
#endif
