// Which certificates are trusted beside what the system trusts.
import Glibc

package enum Trust {
    /// The file named by `CURL_CA_BUNDLE` or `SSL_CERT_FILE`, as curl reads them; nil: the system's
    /// own. libcurl itself looks at neither.
    package static let file: String? = file { name in
        getenv(name).flatMap { String(validatingCString: $0) }
    }
    static func file(_ variable: (String) -> String?) -> String? {
        ["CURL_CA_BUNDLE", "SSL_CERT_FILE"].lazy.compactMap(variable).first { !$0.isEmpty }
    }
}
