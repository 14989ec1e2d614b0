package pipeline

// CustomTargetType says how to render for and deploy to a destination that is
// neither a cluster nor Cloud Run. It has exactly one of customActions and tasks.
type CustomTargetType struct {
	Envelope `yaml:",inline"`

	// CustomActions renders and deploys with Skaffold custom actions.
	CustomActions *CustomActions `yaml:"customActions,omitempty"`
	// Tasks renders and deploys with containers.
	Tasks *CustomTasks `yaml:"tasks,omitempty"`
}

// CustomActions are Skaffold custom actions.
type CustomActions struct {
	// RenderAction renders the manifest.
	RenderAction string `yaml:"renderAction,omitempty" rule:"default=skaffold render"`
	// DeployAction deploys it.
	DeployAction string `yaml:"deployAction" rule:"required"`
	// IncludeSkaffoldModules are added to the release's Skaffold configuration.
	IncludeSkaffoldModules []SkaffoldModules `yaml:"includeSkaffoldModules,omitempty"`
}

// CustomTasks are containers that render and deploy.
type CustomTasks struct {
	// Render renders the manifest.
	Render *Task `yaml:"render,omitempty" rule:"default=the usual rendering"`
	// Deploy deploys it.
	Deploy Task `yaml:"deploy" rule:"required"`
}

// SkaffoldModules are Skaffold configurations from exactly one source.
type SkaffoldModules struct {
	// Configs are the names of the modules to use.
	Configs []string `yaml:"configs,omitempty" rule:"unique"`
	// Git is a git repository.
	Git *GitSource `yaml:"git,omitempty"`
	// GoogleCloudStorage is a path in a bucket.
	GoogleCloudStorage *StorageSource `yaml:"googleCloudStorage,omitempty"`
	// GoogleCloudBuildRepo is a repository of Cloud Build.
	GoogleCloudBuildRepo *BuildRepoSource `yaml:"googleCloudBuildRepo,omitempty"`
}

// GitSource is a git repository.
type GitSource struct {
	// Repo is its address.
	Repo string `yaml:"repo" rule:"required"`
	// Path leads from its root to the Skaffold file.
	Path string `yaml:"path,omitempty" rule:"default=skaffold.yaml"`
	// Ref is a branch or tag.
	Ref string `yaml:"ref,omitempty"`
}

// StorageSource is a path in a bucket.
type StorageSource struct {
	// Source is copied recursively, such as gs://bucket/dir/*.
	Source string `yaml:"source" rule:"required"`
	// Path leads from the source to the Skaffold file.
	Path string `yaml:"path,omitempty" rule:"default=skaffold.yaml"`
}

// BuildRepoSource is a repository of Cloud Build.
type BuildRepoSource struct {
	// Repository is its resource name.
	Repository string `yaml:"repository" rule:"required,format=projects/*/locations/*/connections/*/repositories/*"`
	// Path leads from its root to the Skaffold file.
	Path string `yaml:"path,omitempty" rule:"default=skaffold.yaml"`
	// Ref is a branch or tag.
	Ref string `yaml:"ref,omitempty"`
}

func (c *CustomTargetType) rules(at *judge) {
	exactlyOne(at, []choice{{"customActions", c.CustomActions != nil}, {"tasks", c.Tasks != nil}})
	if c.CustomActions == nil {
		return
	}
	for i, m := range c.CustomActions.IncludeSkaffoldModules {
		exactlyOne(at.key("customActions").key("includeSkaffoldModules").item(i), []choice{
			{"git", m.Git != nil},
			{"googleCloudStorage", m.GoogleCloudStorage != nil},
			{"googleCloudBuildRepo", m.GoogleCloudBuildRepo != nil},
		})
	}
}
