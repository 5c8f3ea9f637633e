// Stands in until the dashboard's loop is here.
func runDashboard(socket: String, options: CommonOptions) async -> Int32 { 3 }
