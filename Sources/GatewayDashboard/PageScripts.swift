/// The files of the dashboard's script, in the order in which they are joined.
enum PageScripts {
    static let ordered = [
        PackageResources.format_js, PackageResources.elements_js, PackageResources.theme_js,
        PackageResources.requests_js, PackageResources.live_js, PackageResources.charts_js, PackageResources.dialogs_js,
        PackageResources.overview_js, PackageResources.routes_js, PackageResources.upstreams_js,
        PackageResources.connections_js, PackageResources.configuration_js, PackageResources.warnings_js,
        PackageResources.operations_js, PackageResources.main_js,
    ]
}
